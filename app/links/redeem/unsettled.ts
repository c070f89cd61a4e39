/**
 * A password that was sent to Keystone and may be in force: the user's own, or a random one set for
 * an administrator. Kept until Keystone's answer is known, so that a lost answer loses nothing.
 */
export interface UnsettledPassword {
  readonly by: "user" | "admin";
  readonly password: string;
}

/** Oldest first. */
export type Unsettled = readonly UnsettledPassword[];

/** Each costs a failed sign-in to ask about; older ones cannot be on their way any more. */
export const KEPT_UNSETTLED = 3;

export const hasRoomFor = (unsettled: Unsettled, password: string): boolean =>
  unsettled.length < KEPT_UNSETTLED || unsettled.some((one) => one.password === password);

/** @returns them with a password of the user's as the newest */
export const withTyped = (unsettled: Unsettled, password: string): Unsettled => [
  ...unsettled.filter((one) => one.password !== password),
  { by: "user", password },
];
