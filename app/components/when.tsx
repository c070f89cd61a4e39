import { useEffect, useState } from "react";
import { exactTime, relativeTime } from "./relative-time";
import { useRenderedAt } from "./render-context";

const TICK_MS = 30_000;

/** A moment: told from now, exact on hover. It ages while one looks at it, where there is a script. */
export function When({ at }: { at: Date }) {
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
      {relativeTime(at.getTime(), renderedAt + elapsed)}
    </time>
  );
}
