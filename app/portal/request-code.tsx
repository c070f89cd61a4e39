import type { ReactNode } from "react";
import { useWords } from "../components/render-context";

/** A request's code, large enough to be compared and read out. */
export function RequestCode({ code }: { code: string }) {
  return (
    <strong className="inline-block rounded-lg border border-line bg-card px-3 py-1 font-mono text-2xl tracking-[0.12em] whitespace-nowrap">
      {code}
    </strong>
  );
}

/** @param props.children the steps before an administrator sees the request */
export function WhatHappensNext({ children }: { children?: ReactNode }) {
  const words = useWords();
  return (
    <>
      <h2 className="mt-8 font-semibold">{words("reset.sent.next")}</h2>
      <ol className="mt-2 list-decimal space-y-2 ps-5 marker:font-semibold marker:text-muted">
        {children}
        <li>{words("reset.sent.review")}</li>
        <li>{words("reset.sent.mailed")}</li>
        <li>{words("reset.sent.use")}</li>
      </ol>
    </>
  );
}
