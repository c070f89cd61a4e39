import { useEffect, useState, useSyncExternalStore } from "react";
import { clockTime, exactTime, relativeTime } from "./relative-time";
import { useLanguage, useRenderedAt } from "./render-context";

const TICK_MS = 30_000;

/** A moment: told from now, exact on hover. It ages while one looks at it, where there is a script. */
export function When({ at }: { at: Date }) {
  const language = useLanguage();
  const renderedAt = useRenderedAt();
  const [clock, setClock] = useState({ renderedAt, elapsed: 0 });
  useEffect(() => {
    const since = Date.now();
    const tick = () => setClock({ renderedAt, elapsed: Date.now() - since });
    const timer = setInterval(tick, TICK_MS);
    return () => clearInterval(timer);
  }, [renderedAt]);
  const elapsed = clock.renderedAt === renderedAt ? clock.elapsed : 0;
  // The server's clock, plus what went by here: a browser's clock may be wrong.
  return (
    <time dateTime={at.toISOString()} title={exactTime(at)} className="whitespace-nowrap">
      {relativeTime(at.getTime(), renderedAt + elapsed, language)}
    </time>
  );
}

const neverChanges = () => () => {};
const zoneOfReader = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const zoneOfServer = () => "UTC";

/**
 * A moment by the clock, for those who cannot hover: in the reader's time zone where there is a
 * script, else in UTC. The page is hydrated with what the server wrote, and takes no other room after.
 */
export function ExactTime({ at }: { at: Date }) {
  const language = useLanguage();
  const timeZone = useSyncExternalStore(neverChanges, zoneOfReader, zoneOfServer);
  return (
    // Browsers write dates as their own edition of Unicode's tables has it.
    <time
      dateTime={at.toISOString()}
      className="whitespace-nowrap tabular-nums"
      suppressHydrationWarning
    >
      {clockTime(at, timeZone, language)}
    </time>
  );
}
