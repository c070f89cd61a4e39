ALTER TABLE "links" ADD COLUMN "language" text;--> statement-breakpoint
ALTER TABLE "reset_requests" ADD COLUMN "language" text;--> statement-breakpoint
-- Of what is written from now on: looking through what there is would keep everybody waiting. See the next one.
ALTER TABLE "links" ADD CONSTRAINT "links_problem_is_known" CHECK ("links"."problem" in ('initial-password-stale', 'account-disabled', 'account-locked', 'password-locked', 'read-only-account', 'link-outdated')) NOT VALID;
