CREATE INDEX CONCURRENTLY "link_words_parts" ON "link_words" USING gin (parts_of("words"));--> statement-breakpoint
CREATE INDEX CONCURRENTLY "links_by_issue" ON "links" USING btree ("state","lapsed","issued_at","id","expires_at","attempts","pin_guesses");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "links_by_expiry" ON "links" USING btree ("state","lapsed","expires_at","id","attempts","pin_guesses");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "links_by_user" ON "links" USING btree ("state","lapsed",lower(coalesce("user_name", "user_id")),"id");--> statement-breakpoint
CREATE INDEX CONCURRENTLY "links_guessed_by_issue" ON "links" USING btree ("issued_at","id","attempts","pin_guesses") WHERE "links"."state" = 'pending' and ("links"."attempts" > 0 or "links"."pin_guesses" > 0);--> statement-breakpoint
CREATE INDEX CONCURRENTLY "links_guessed_by_expiry" ON "links" USING btree ("expires_at","id","attempts","pin_guesses") WHERE "links"."state" = 'pending' and ("links"."attempts" > 0 or "links"."pin_guesses" > 0);--> statement-breakpoint
CREATE INDEX CONCURRENTLY "links_guessed_by_user" ON "links" USING btree (lower(coalesce("user_name", "user_id")),"id","attempts","pin_guesses") WHERE "links"."state" = 'pending' and ("links"."attempts" > 0 or "links"."pin_guesses" > 0);--> statement-breakpoint
DROP INDEX CONCURRENTLY IF EXISTS "links_newest";--> statement-breakpoint
ANALYZE "links";--> statement-breakpoint
ANALYZE "link_words";
