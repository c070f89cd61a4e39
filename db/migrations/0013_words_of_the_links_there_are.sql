-- Outside of a transaction, a thousand rows at a time: nobody who writes a link waits longer than for those.
-- May be run again from the start. What the trigger wrote meanwhile is newer, and stays.
DO $$
DECLARE
  last_id uuid := '00000000-0000-0000-0000-000000000000';
  batch uuid[];
BEGIN
  LOOP
    batch := array(SELECT id FROM public.links WHERE id > last_id ORDER BY id LIMIT 1000);
    EXIT WHEN cardinality(batch) = 0;
    INSERT INTO public.link_words (link_id, words)
      SELECT id, public.words_of(user_name, user_id, mail_to) FROM public.links WHERE id = ANY (batch)
      ON CONFLICT (link_id) DO NOTHING;
    UPDATE public.links SET lapsed = true
      WHERE id = ANY (batch) AND state = 'pending' AND expires_at <= now() AND NOT lapsed;
    last_id := batch[cardinality(batch)];
    COMMIT;
  END LOOP;
END
$$;
