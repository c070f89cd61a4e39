CREATE TABLE "known_admins" (
	"user_id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"domain_name" text NOT NULL,
	"account" text NOT NULL,
	"last_signed_in_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "known_admins_account" ON "known_admins" USING btree ("account");