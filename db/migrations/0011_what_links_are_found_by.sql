CREATE TABLE "link_words" (
	"link_id" uuid PRIMARY KEY NOT NULL,
	"words" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "lapsed" boolean DEFAULT false NOT NULL;