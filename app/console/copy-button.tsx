import { useEffect, useState } from "react";
import { useWords } from "../components/render-context";

/** Copies a text. There is none without a script, nor where the browser forbids it: no dead button. */
export function CopyButton({ text, children }: { text: string; children: string }) {
  const words = useWords();
  const [state, setState] = useState<"absent" | "ready" | "copied" | "failed">("absent");
  useEffect(() => {
    if ("clipboard" in navigator) setState("ready");
  }, []);
  useEffect(() => {
    if (state !== "copied") return;
    const timer = setTimeout(() => setState("ready"), 2500);
    return () => clearTimeout(timer);
  }, [state]);
  if (state === "absent") return null;
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  return (
    <>
      <button type="button" className="button button-primary shrink-0" onClick={copy}>
        {state === "copied" ? words("console.link.ready.copied") : children}
      </button>
      <span className="sr-only" role="status">
        {state === "copied" ? words("console.link.ready.copied") : null}
        {state === "failed" ? words("console.link.ready.notCopied") : null}
      </span>
    </>
  );
}
