-- Requests from before are open still, and marked in the console as never confirmed. The helpdesk was
-- mailed about each of them, save where such a mail still waits: its kind is no longer sent, so the next
-- digest names all of them instead.
UPDATE "reset_requests" SET "helpdesk_told_at" = "created_at"
  WHERE NOT EXISTS (SELECT 1 FROM "mails" WHERE "template" = 'reset-request' AND "state" = 'queued');
--> statement-breakpoint
UPDATE "mails" SET "state" = 'cancelled', "sealed_props" = NULL, "leased_until" = NULL
  WHERE "template" = 'reset-request' AND "state" = 'queued';
