import type { LinkStatus } from "../links/link-status";

const BADGES: Record<LinkStatus, { words: string; look: string }> = {
  pending: { words: "Pending", look: "bg-accent-soft text-accent" },
  completed: { words: "Completed", look: "bg-good-soft text-good" },
  expired: { words: "Expired", look: "bg-wait-soft text-wait badge-hollow" },
  locked: { words: "Locked", look: "bg-bad-soft text-bad" },
  revoked: { words: "Revoked", look: "bg-sunken text-muted badge-hollow" },
};

export function StatusBadge({ status }: { status: LinkStatus }) {
  const { words, look } = BADGES[status];
  return <span className={`badge ${look}`}>{words}</span>;
}

/** A user whom Keystone does not let sign in, or does not know. */
export function UserBadge({ state }: { state: "enabled" | "disabled" | "unknown" }) {
  if (state === "enabled") return <span className="text-muted">Enabled</span>;
  if (state === "disabled")
    return <span className="badge badge-hollow bg-wait-soft text-wait">Disabled</span>;
  return <span className="badge badge-hollow bg-bad-soft text-bad">Not in Keystone</span>;
}
