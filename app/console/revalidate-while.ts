import { useRevalidator } from "@remix-run/react";
import { useEffect } from "react";

const FIRST_MS = 2_000;
const LONGEST_MS = 20_000;
/** Every question keeps the session awake, so a forgotten window must stop asking. */
const GIVE_UP_MS = 5 * 60_000;

/** Asks the server again every few seconds, ever more slowly, as long as something is under way. */
export function useRevalidateWhile(underWay: boolean): void {
  const { revalidate } = useRevalidator();
  useEffect(() => {
    if (!underWay) return;
    const begun = Date.now();
    let delayMs = FIRST_MS;
    let timer = setTimeout(ask, delayMs);
    function ask() {
      if (Date.now() - begun > GIVE_UP_MS) return;
      if (document.visibilityState === "visible") revalidate();
      delayMs = Math.min(delayMs * 1.4, LONGEST_MS);
      timer = setTimeout(ask, delayMs);
    }
    return () => clearTimeout(timer);
  }, [underWay, revalidate]);
}
