import { useNavigation } from "@remix-run/react";
import type { ReactNode } from "react";

/**
 * Sends a console form, and says that it is under way; a second press does nothing.
 *
 * @param props.intent what the form is for, where a page has several: sent as `intent`
 */
export function SubmitButton(props: {
  intent?: string;
  tone?: "primary" | "quiet" | "bad";
  pending: string;
  children: ReactNode;
  className?: string;
}) {
  const { state, formData } = useNavigation();
  const { intent, tone = "primary", className = "" } = props;
  const sending = state !== "idle" && formData !== undefined;
  const mine = sending && (intent === undefined || formData.get("intent") === intent);
  return (
    <button
      type="submit"
      name={intent ? "intent" : undefined}
      value={intent}
      disabled={sending}
      className={`button button-${tone} ${className}`}
    >
      {mine ? props.pending : props.children}
    </button>
  );
}
