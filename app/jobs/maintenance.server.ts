import { deleteEndedSessions } from "../../db/admin-sessions.store";
import { recordEvent } from "../../db/audit-events.store";
import { forgetAdmins } from "../../db/known-admins.store";
import { purgeExpiredSecrets } from "../../db/links.store";
import { cancelQueuedMails, deleteOldMails } from "../../db/mails.store";
import { deleteEndedLimits } from "../../db/rate-limits.store";
import { deleteOldRequests, deleteUnconfirmedRequests } from "../../db/reset-requests.store";
import type { AdminContext } from "../admins/sign-in.server";
import type { LinkContext } from "../links/link-context.server";
import { settleLinks } from "../links/redeem/settle-links.server";
import { tellUntoldOwners } from "../links/tell-owner.server";
import { tellHelpdesk } from "../reset-requests/tell-helpdesk.server";
import { describeError } from "../telemetry/log.server";

const EVERY_MS = 60_000;
const PURGE_BATCH = 500;
const TELL_BATCH = 100;
const REQUEST_LIFETIME_DAYS = 30;
const MAIL_LIFETIME_DAYS = 90;
const KNOWN_ADMIN_DAYS = 400;
const DAY_MS = 86_400_000;

type MaintenanceContext = LinkContext & Pick<AdminContext, "config">;

/**
 * Erases what is over, and does what was put off. Every step is a guarded statement, so replicas may run it at the same time.
 *
 * @returns how many links' secrets were erased
 */
export async function maintain(context: MaintenanceContext): Promise<{ purged: number }> {
  const { db, config, log } = context;
  const before = new Date(Date.now() - config.links.purgeAfterSeconds * 1000);
  const purged = await db.transaction(async (tx) => {
    const rows = await purgeExpiredSecrets(tx, { before, limit: PURGE_BATCH });
    for (const { id, userId } of rows) {
      // The mail holds the link's token as well, and nobody can use it any more.
      await cancelQueuedMails(tx, { linkId: id, template: "link" });
      await recordEvent(tx, {
        action: "link.secrets-purged",
        actorKind: "system",
        userId,
        linkId: id,
        outcome: "ok",
      });
    }
    return rows.length;
  });
  if (purged > 0) log.info("links.purged", { count: purged });
  await deleteEndedSessions(db, { idleSeconds: config.admin.sessionIdleSeconds });
  await deleteEndedLimits(db);
  await forgetAdmins(db, { unseenForDays: KNOWN_ADMIN_DAYS });
  await deleteUnconfirmedRequests(db);
  await deleteOldRequests(db, new Date(Date.now() - REQUEST_LIFETIME_DAYS * DAY_MS));
  await deleteOldMails(db, { olderThanDays: MAIL_LIFETIME_DAYS });
  await tellUntoldOwners(context, { limit: TELL_BATCH });
  await tellHelpdesk(context);
  const settled = await settleLinks(context);
  if (settled.asked > 0) log.info("links.settled", { count: settled.asked });
  return { purged };
}

/** Runs `maintain` now and every minute, until stopped. A failure is logged and tried again. */
export function startMaintenance(context: MaintenanceContext): { stop(): Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  const run = async () => {
    try {
      await maintain(context);
    } catch (error) {
      context.log.error("maintenance.failed", { error: describeError(error) });
    }
    // Spread, so that replicas started together do not stay in step.
    if (!stopped) timer = setTimeout(start, EVERY_MS * (0.75 + Math.random() / 2));
  };
  const start = () => {
    running = run();
  };
  start();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
