import { useLocation } from "@remix-run/react";
import { useState } from "react";

/**
 * Keeps an action's answer on its page. Remix forgets it as soon as the page's data are asked for
 * again, and a link that is shown once must not vanish because its mail was sent meanwhile.
 *
 * @returns the answer, until the next one, or until one goes elsewhere
 */
export function useLastAnswer<Answer>(answer: Answer | undefined): Answer | undefined {
  const { key } = useLocation();
  const [kept, keep] = useState({ key, answer });
  // The answer comes first, then the location it belongs to.
  const stale = kept.key !== key || (answer !== undefined && kept.answer !== answer);
  if (stale) keep({ key, answer });
  return stale ? answer : kept.answer;
}
