CREATE TABLE "jobs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"kind" text NOT NULL,
	"key" text,
	"sealed_payload" "bytea",
	"state" text DEFAULT 'queued' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"leased_until" timestamp with time zone,
	"progress_done" integer,
	"progress_total" integer,
	"last_error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "jobs_state" CHECK ("jobs"."state" in ('queued', 'done', 'failed', 'cancelled')),
	CONSTRAINT "jobs_sealed_payload_is_sealed" CHECK (octet_length("jobs"."sealed_payload") >= 37 and substring("jobs"."sealed_payload" from 1 for 1) = '\x01'),
	CONSTRAINT "jobs_over_is_erased" CHECK (("jobs"."state" = 'queued') = ("jobs"."ended_at" is null) and ("jobs"."state" = 'queued' or "jobs"."sealed_payload" is null))
);
--> statement-breakpoint
CREATE INDEX "jobs_due" ON "jobs" USING btree ("kind","next_attempt_at") WHERE "jobs"."state" = 'queued';--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_key" ON "jobs" USING btree ("kind","key") WHERE "jobs"."state" = 'queued';