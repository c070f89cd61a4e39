import { isKeystoneError, type KeystoneError } from "../../app/keystone/errors.server";

/** The error that a call to Keystone ends in. */
export async function errorOf(call: Promise<unknown>): Promise<KeystoneError> {
  try {
    await call;
  } catch (error) {
    if (isKeystoneError(error)) return error;
    throw error;
  }
  throw new Error("The call succeeded");
}
