-- Outside of a transaction, a thousand rows at a time: nobody who reads or writes a link waits for more than those.
-- A problem that nobody has words for goes; the next try finds it again.
DO $$
BEGIN
  LOOP
    UPDATE public.links SET problem = NULL WHERE id IN (
      SELECT id FROM public.links
        WHERE problem NOT IN ('initial-password-stale', 'account-disabled', 'account-locked', 'password-locked', 'read-only-account', 'link-outdated')
        LIMIT 1000);
    EXIT WHEN NOT FOUND;
    COMMIT;
  END LOOP;
  ALTER TABLE public.links VALIDATE CONSTRAINT links_problem_is_known;
END
$$;
