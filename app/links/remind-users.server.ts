import { findLink } from "../../db/links.store";
import { findDueReminders, isReminderDue } from "../../db/reminders.store";
import type { SystemInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import type { LinkContext } from "./link-context.server";
import { mailLink } from "./mail-link.server";
import { giveNewToken } from "./new-token.server";

const BATCH = 100;
const BY_ITSELF: SystemInitiator = { actor: { kind: "system" } };

/**
 * Mails the users whose link runs out soon, and who have not used it, a new link: see `isDue` in
 * `db/reminders.store.ts` for whom and when. The new token, the mail and the row in the trail are written
 * together or not at all, so that no crash and no number of replicas reminds anybody twice.
 *
 * @param options.signal leaves the rest to the next round once aborted
 * @returns how many were reminded
 */
export async function remindUsers(
  context: LinkContext,
  { signal }: { signal?: AbortSignal } = {},
): Promise<{ reminded: number }> {
  const { db, config } = context;
  const rules = { ...config.links.reminders, ...config.links };
  let reminded = 0;
  if (rules.most === 0) return { reminded };
  let after: string | undefined;
  for (;;) {
    const due = await findDueReminders(db, rules, { after, limit: BATCH });
    for (const { id } of due) {
      if (signal?.aborted) return { reminded };
      if (await remind(context, id, rules)) reminded++;
    }
    after = due.at(-1)?.id;
    if (due.length < BATCH) return { reminded };
  }
}

async function remind(
  context: LinkContext,
  id: string,
  rules: Parameters<typeof isReminderDue>[2],
): Promise<boolean> {
  const reminded = await context.db.transaction(async (tx) => {
    // First the lock, then the question: what another has written is seen by the next statement.
    const former = await findLink(tx, id, { lock: true });
    if (!former?.mailTo || !(await isReminderDue(tx, id, rules))) return undefined;
    const { mailTo } = former;
    const given = await giveNewToken(context, tx, former, mailTo, BY_ITSELF);
    if (!given) return undefined;
    const { link, token } = given;
    const act = {
      action: "link.reminded",
      userId: link.userId,
      linkId: id,
      outcome: "ok",
    } as const;
    await record(tx, BY_ITSELF, act);
    await mailLink(context, tx, { ...link, token, mailTo, isReminder: true });
    return link;
  });
  if (!reminded) return false;
  context.outbox.wake();
  context.log.info("link.reminded", { linkId: id, userId: reminded.userId });
  return true;
}
