/** Why a form was not taken: too many came before it. */
export interface LimitRefusal {
  retryAfterSeconds: number;
  /** To answer with. */
  init: { status: 429; headers: { "Retry-After": string } };
}

/**
 * Turns a limit's refusal into something a page can show beside the form, so that nothing that was
 * typed is lost to an error page.
 *
 * @param limit what counts, and throws a 429
 * @throws whatever else it throws
 */
export async function refusedByLimit(limit: Promise<void>): Promise<LimitRefusal | undefined> {
  try {
    await limit;
    return undefined;
  } catch (error) {
    if (!(error instanceof Response) || error.status !== 429) throw error;
    const retryAfterSeconds = Number(error.headers.get("Retry-After")) || 60;
    return {
      retryAfterSeconds,
      init: { status: 429, headers: { "Retry-After": String(retryAfterSeconds) } },
    };
  }
}
