ALTER TABLE "admin_sessions" ADD COLUMN "holds_admin_role" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "last_changes" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "owner_untold" text[];--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "previous_mail_to" text;--> statement-breakpoint
ALTER TABLE "links" ADD COLUMN "user_email" text;--> statement-breakpoint
CREATE INDEX "links_owner_untold" ON "links" USING btree ("user_id") WHERE "links"."owner_untold" is not null;