import { useWords } from "../components/render-context";
import type { LinkStatus } from "../links/link-status";

const LOOKS: Record<LinkStatus, string> = {
  pending: "bg-accent-soft text-accent",
  completed: "bg-good-soft text-good",
  expired: "bg-wait-soft text-wait badge-hollow",
  locked: "bg-bad-soft text-bad",
  revoked: "bg-sunken text-muted badge-hollow",
};

export function StatusBadge({ status }: { status: LinkStatus }) {
  const words = useWords();
  return <span className={`badge ${LOOKS[status]}`}>{words(`console.status.${status}`)}</span>;
}

const LOOKS_OF_USER = {
  enabled: "text-muted",
  disabled: "badge badge-hollow bg-wait-soft text-wait",
  unknown: "badge badge-hollow bg-bad-soft text-bad",
};

/** A user whom Keystone does not let sign in, or does not know. */
export function UserBadge({ state }: { state: "enabled" | "disabled" | "unknown" }) {
  const words = useWords();
  return <span className={LOOKS_OF_USER[state]}>{words(`console.account.${state}`)}</span>;
}
