import type { ReactNode } from "react";

export type Tone = "info" | "good" | "wait" | "bad";

const TONES: Record<Tone, string> = {
  info: "border-accent bg-accent-soft",
  good: "border-good bg-good-soft",
  wait: "border-wait bg-wait-soft",
  bad: "border-bad bg-bad-soft",
};

/**
 * Something the page has to say before anything else.
 *
 * @param props.announce read out at once where it appears after an act
 */
export function Notice(props: {
  tone: Tone;
  heading?: ReactNode;
  children?: ReactNode;
  announce?: boolean;
}) {
  return (
    <div
      className={`rounded-xl border-s-4 px-4 py-3 ${TONES[props.tone]}`}
      role={props.announce ? (props.tone === "bad" ? "alert" : "status") : undefined}
    >
      {props.heading ? <p className="font-semibold">{props.heading}</p> : null}
      {props.children ? (
        <div className={props.heading ? "mt-0.5" : ""}>{props.children}</div>
      ) : null}
    </div>
  );
}
