CREATE TABLE "admin_sessions" (
	"id_hash" "bytea" PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"user_name" text NOT NULL,
	"user_domain_name" text NOT NULL,
	"user_email" text,
	"sealed_token" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"action" text NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text,
	"actor_name" text,
	"user_id" text,
	"link_id" uuid,
	"outcome" text NOT NULL,
	"client_address" text,
	"request_id" text
);
--> statement-breakpoint
CREATE TABLE "links" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" text NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"token_hash" "bytea",
	"sealed_pin_key" "bytea",
	"pin_mac" "bytea",
	"sealed_password" "bytea",
	"attempts" integer DEFAULT 0 NOT NULL,
	"pin_guesses" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"claimed_until" timestamp with time zone,
	"claim_id" uuid,
	"sealed_attempts" "bytea",
	"attempted_at" timestamp with time zone,
	"settle_asked_at" timestamp with time zone,
	"mail_to" text,
	"user_name" text,
	"user_domain_id" text,
	"user_domain_name" text,
	"user_found" boolean,
	"user_checked_at" timestamp with time zone,
	"policy_regex" text,
	"policy_description" text,
	"problem" text,
	"issued_by_id" text NOT NULL,
	"issued_by_name" text,
	"issued_by_email" text,
	"issued_via" text NOT NULL,
	"issued_at" timestamp with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "links_state" CHECK ("links"."state" in ('pending', 'completed', 'revoked')),
	CONSTRAINT "links_pending_is_whole" CHECK ("links"."state" <> 'pending' or ("links"."pin_mac" is null) = ("links"."sealed_password" is null)),
	CONSTRAINT "links_done_is_erased" CHECK ("links"."state" = 'pending' or ("links"."token_hash" is null and "links"."pin_mac" is null and "links"."sealed_pin_key" is null and "links"."sealed_password" is null and "links"."sealed_attempts" is null))
);
--> statement-breakpoint
CREATE TABLE "mails" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"link_id" uuid,
	"template" text NOT NULL,
	"recipient" text NOT NULL,
	"sealed_props" "bytea",
	"state" text DEFAULT 'queued' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"leased_until" timestamp with time zone,
	"last_error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"sent_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer NOT NULL,
	"expire" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "reset_requests" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"sealed_pin" "bytea",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"closed_at" timestamp with time zone,
	"closed_by_id" text,
	"closed_by_name" text
);
--> statement-breakpoint
ALTER TABLE "mails" ADD CONSTRAINT "mails_link_id_links_id_fk" FOREIGN KEY ("link_id") REFERENCES "public"."links"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "admin_sessions_expires_at" ON "admin_sessions" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "audit_events_user_id" ON "audit_events" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "audit_events_at" ON "audit_events" USING btree ("at");--> statement-breakpoint
CREATE UNIQUE INDEX "links_user_id" ON "links" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "links_token_hash" ON "links" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "links_newest" ON "links" USING btree ("issued_at","id");--> statement-breakpoint
CREATE INDEX "links_purge" ON "links" USING btree ("expires_at") WHERE "links"."sealed_password" is not null;--> statement-breakpoint
CREATE INDEX "mails_due" ON "mails" USING btree ("next_attempt_at") WHERE "mails"."state" = 'queued';--> statement-breakpoint
CREATE INDEX "mails_link_id" ON "mails" USING btree ("link_id","created_at");--> statement-breakpoint
CREATE INDEX "reset_requests_newest" ON "reset_requests" USING btree ("created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "reset_requests_open_email" ON "reset_requests" USING btree (lower("email")) WHERE "reset_requests"."state" = 'open';