DROP INDEX "reset_requests_mailbox";--> statement-breakpoint
CREATE INDEX "reset_requests_mailbox" ON "reset_requests" USING btree (lower(("email")::text collate "C"));