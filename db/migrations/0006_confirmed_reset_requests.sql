DROP INDEX "reset_requests_open_email";--> statement-breakpoint
DROP INDEX "reset_requests_newest";--> statement-breakpoint
ALTER TABLE "reset_requests" ALTER COLUMN "state" SET DEFAULT 'unconfirmed';--> statement-breakpoint
ALTER TABLE "audit_events" ADD COLUMN "reset_request_id" uuid;--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "confirm_token_hash" "bytea";--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "confirm_before" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "confirmed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "helpdesk_told_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "answering_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "answered_user_id" text;--> statement-breakpoint
CREATE INDEX "reset_requests_mailbox" ON "reset_requests" USING btree (lower("email"));--> statement-breakpoint
CREATE UNIQUE INDEX "reset_requests_confirm_token" ON "reset_requests" USING btree ("confirm_token_hash");--> statement-breakpoint
CREATE INDEX "reset_requests_unconfirmed" ON "reset_requests" USING btree ("confirm_before") WHERE "reset_requests"."state" = 'unconfirmed';--> statement-breakpoint
CREATE INDEX "reset_requests_told" ON "reset_requests" USING btree ("helpdesk_told_at");--> statement-breakpoint
CREATE INDEX "reset_requests_untold" ON "reset_requests" USING btree ("confirmed_at") WHERE "reset_requests"."state" = 'open' and "reset_requests"."helpdesk_told_at" is null;--> statement-breakpoint
CREATE INDEX "reset_requests_newest" ON "reset_requests" USING btree ("state","created_at","id");--> statement-breakpoint
ALTER TABLE "reset_requests" ADD CONSTRAINT "reset_requests_state" CHECK ("reset_requests"."state" in ('unconfirmed', 'open', 'closed'));