import type postgres from "postgres";

/**
 * Fills the table of links, by SQL: the newest a minute old, each a minute older than the one before, or
 * several at the same instant. Six in ten are completed, one revoked, three pending, of which some can still
 * be used, some are locked and the others expired. Names are of several scripts. Nothing is sealed: a
 * server with another key would not start.
 *
 * @param options.count how many
 * @param options.atOnce how many have the same instant; 1 unless told
 */
export async function generateLinks(
  sql: postgres.Sql,
  { count, atOnce = 1 }: { count: number; atOnce?: number },
): Promise<void> {
  const span = Math.ceil(count / atOnce);
  await sql.unsafe(`
    insert into links (user_id, state, token_hash, attempts,
      pin_guesses, expires_at, mail_to, user_name, user_email, user_domain_id, user_domain_name, user_found,
      user_checked_at, issued_by_id, issued_by_name, issued_via, issued_at, completed_at, revoked_at)
    select md5(n::text), state, hash, guesses,
      guesses, expires_at, name || '@mail-' || n % 50 || '.example.org', name, null, 'default', 'Default', true,
      now(), 'administrator', 'admin', 'api', issued_at,
      case when state = 'completed' then issued_at end, case when state = 'revoked' then issued_at end
    from (
      select n, now() - minutes as issued_at, state,
        now() - minutes + make_interval(mins => (${span} / 4 + n * 7 % (${span} / 2))::int) as expires_at,
        case when n % 23 = 0 then 3 when n % 7 = 0 then 1 else 0 end as guesses,
        case when state = 'pending' then sha256(int8send(n)) end as hash,
        (array['anna', 'Bert', 'carla', 'Dieter', 'emil', 'fatima', 'Günther', 'heidi', 'Ivan', 'jürgen',
          'Karl', 'Мария', '李明'])[1 + n % 13] || '.' || (array['meyer', 'Schulz', 'schmidt', 'becker',
          'Hoffmann', 'koch', 'bauer'])[1 + n / 13 % 7] || n / ${atOnce} as name
      from (
        select n, make_interval(mins => (n / ${atOnce})::int) as minutes,
          case when n * 31 % 101 < 60 then 'completed' when n * 31 % 101 < 70 then 'revoked' else 'pending' end as state
        from generate_series(1::bigint, ${count}) as n
      ) as numbered
    ) as generated`);
}
