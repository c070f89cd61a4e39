/**
 * @param next where a query parameter wants to go
 * @param fallback a path of ours
 * @returns `next` where it is a path on this very site, else `fallback`. Browsers read `\` as `/` and
 *   drop tabs and line ends, so `/\evil.example` and `/<tab>/evil.example` are other sites.
 */
export function safePath(next: string | null | undefined, fallback: string): string {
  if (!next || !/^\/(?![/\\])/.test(next) || /[\\\p{Cc}]/u.test(next)) return fallback;
  const base = "http://site.invalid";
  const url = new URL(next, base);
  // `/.//evil.example` is a path of ours until its dots are resolved, and then another site.
  if (url.origin !== base || url.pathname.startsWith("//")) return fallback;
  return `${url.pathname}${url.search}${url.hash}`;
}
