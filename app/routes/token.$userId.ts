import type { ActionFunctionArgs, AppLoadContext } from "@remix-run/node";
import { z } from "zod";
import { type IssueByScriptResult, issueByScript } from "../accounts/issue-by-script.server";
import { type Caller, type Permit, permitCaller } from "../admins/permit-caller.server";
import { initiatorOf } from "../http/initiator.server";
import { type IncomingRequest, readBody } from "../http/read-body.server";
import { jsonAnswer, keystoneError, textAnswer, wantsJson } from "../http/respond.server";
import type { IssuedLinkAnswer } from "../links/issue-link.server";
import { isPin } from "../links/pin.server";

/** Keystone's own column for user ids has room for 64 characters. */
const USER_ID = /^[^\p{C}\p{Z}/]{1,64}$/u;

const text = z.string().refine((value) => !/[\0\p{Surrogate}]/u.test(value));
const body = z.object({
  pin: z.string().optional(),
  password: text.min(1).max(4096).optional(),
  language: z.string().optional(),
});

/** `PUT /token/:userId`, for scripts: docs/contract.md. */
export async function action({
  request,
  params,
  context,
}: Omit<ActionFunctionArgs, "request"> & { request: IncomingRequest }): Promise<Response> {
  if (request.method !== "PUT") return methodNotAllowed();
  const admitted = await authorize(request, context);
  if (admitted instanceof Response) return admitted;

  const userId = params.userId ?? "";
  if (!USER_ID.test(userId))
    return keystoneError(400, "The user id in the path must be Keystone's, at most 64 characters.");
  const asked = await readRequest(request, context);
  if (asked instanceof Response) return asked;

  const permit = await permitCaller(context.services, userId, initiatorOf(context, admitted));
  if (!permit.ok) return notPermitted(permit, context);
  const result = await issueByScript(
    context.services,
    { userId, pin: asked.pin, initialPassword: asked.password, language: asked.language },
    { initiator: permit.initiator, callerToken: admitted.keystoneToken },
  );
  if (!result.ok) return refused(result, context);
  context.services.userLookup.enqueue({
    userId,
    token: admitted.keystoneToken,
    // Where the owner is to be told of a change, it takes Keystone's address.
    checkedAt: result.link.ownerUntold ? null : result.link.userCheckedAt,
    requestId: context.requestId,
  });
  return wantsJson(request) ? asJson(result.link) : textAnswer(result.link.token);
}

const asJson = ({ token, url, userId, expiresAt }: IssuedLinkAnswer) =>
  jsonAnswer({ token, url, user_id: userId, expires_at: expiresAt.toISOString() });

async function authorize(
  request: IncomingRequest,
  context: AppLoadContext,
): Promise<Caller | Response> {
  const { config, tokenAuthorizer } = context.services;
  const token = request.headers.get("X-Auth-Token");
  if (!token)
    return keystoneError(
      401,
      "Send a Keystone token in the X-Auth-Token header.",
      challengeOf(context),
    );
  const { requestId, clientAddress } = context;
  const authorization = await tokenAuthorizer.authorize(token, { requestId, clientAddress });
  if (authorization.ok) return authorization.caller;
  switch (authorization.reason) {
    case "unknown-token":
      return unknownToken(context);
    case "not-admin":
      return keystoneError(
        403,
        `This token cannot be scoped to the project ${config.admin.projectName}, or lacks ${roleNeeded(config.admin.roles)} there. Use an administrator's.`,
      );
    case "too-many-refused":
      return keystoneError(
        429,
        "Too many tokens from this address were refused, so Keystone was not asked about this one. Nothing was stored; wait, and check the token.",
        { "Retry-After": String(authorization.retryAfterSeconds) },
      );
    case "keystone-unavailable":
      return keystoneUnavailable(authorization);
  }
}

const challengeOf = ({ services }: AppLoadContext) => ({
  "WWW-Authenticate": `Keystone uri="${services.config.keystone.authUrl}"`,
});

const unknownToken = (context: AppLoadContext) =>
  keystoneError(
    401,
    "Keystone does not know this token: it has expired, was revoked, or was never one. Get a new one.",
    challengeOf(context),
  );

const keystoneUnavailable = ({ retryAfterSeconds }: { retryAfterSeconds: number }) =>
  keystoneError(503, "Keystone does not answer. Nothing was stored; try again.", {
    "Retry-After": String(retryAfterSeconds),
  });

const roleNeeded = (roles: "any" | readonly string[]) =>
  roles === "any" ? "a role" : `the role ${roles.join(" or ")}`;

/** To somebody who was let in with another role than admin. */
function notPermitted(permit: Exclude<Permit, { ok: true }>, context: AppLoadContext): Response {
  switch (permit.reason) {
    case "forbidden":
      return keystoneError(
        403,
        "Keystone says that you may not change this user, so you may not issue a link for it either. Use the role admin.",
      );
    case "unknown-user":
      return keystoneError(404, "Keystone knows no user of this id.");
    case "token-ended":
      return unknownToken(context);
    case "keystone-unavailable":
      return keystoneUnavailable(permit);
  }
}

async function readRequest(
  request: IncomingRequest,
  context: AppLoadContext,
): Promise<z.infer<typeof body> | Response> {
  const read = await readBody(request);
  if (!read.ok) {
    if (read.reason === "too-large") return keystoneError(413, "The body may hold at most 64 KiB.");
    const isCut = read.reason === "cut-short";
    return keystoneError(400, `The body ${isCut ? "did not come whole" : "is not UTF-8 text"}.`);
  }
  let json: unknown = {};
  try {
    if (read.text.trim() !== "") json = JSON.parse(read.text);
  } catch {
    return keystoneError(400, "The body is not JSON.");
  }
  const parsed = body.safeParse(json);
  if (!parsed.success)
    return keystoneError(
      400,
      'The body must be a JSON object such as {"password": "…", "pin": "…"}; both are strings, and either may be left out on a later call. A language, where there is one, is a string too.',
    );
  const { languages, links } = context.services.config;
  const { pinLength } = links;
  const { language } = parsed.data;
  if (language !== undefined && !languages.some((one) => one === language))
    return keystoneError(400, `The language must be one of ${languages.join(", ")}.`);
  if (parsed.data.pin !== undefined && !isPin(parsed.data.pin, pinLength))
    return keystoneError(400, `The pin must be a string of exactly ${pinLength} digits.`);
  return parsed.data;
}

/** A redemption takes a second or two; a server that died in the middle of one holds on for a minute. */
const REDEMPTION_RETRY_AFTER_SECONDS = 5;

function refused(
  result: Exclude<IssueByScriptResult, { ok: true }>,
  context: AppLoadContext,
): Response {
  switch (result.reason) {
    case "token-ended":
      return unknownToken(context);
    case "keystone-unavailable":
      return keystoneUnavailable(result);
    case "no-random-password":
      return noRandomPassword(result.why);
    case "pin-exhausted":
      return keystoneError(
        409,
        "This PIN was guessed wrong too often. Ask the user for a new one and send it.",
      );
    case "in-progress":
      return keystoneError(
        409,
        "A redemption of this user's link is under way: their own password may be in force in a moment. Nothing was changed; try again.",
        { "Retry-After": String(REDEMPTION_RETRY_AFTER_SECONDS) },
      );
    case "incomplete":
      return keystoneError(
        400,
        `There is no pending link of this user to renew: send ${result.missing.join(" and ")} as well.`,
      );
  }
}

/** The link's initial password was replaced, and Keystone took none in its place. */
function noRandomPassword(
  why: Extract<IssueByScriptResult, { reason: "no-random-password" }>["why"],
): Response {
  const outcome =
    "setpass has replaced the initial password of this user's former link, and Keystone did not let it set another with your token";
  switch (why.reason) {
    case "refused":
      return keystoneError(409, `${outcome}: ${why.message} Set one yourself, and send it.`);
    case "forbidden":
      return keystoneError(403, `${outcome}. Set one yourself, and send it.`);
    case "unknown-user":
      return keystoneError(404, "Keystone knows no user of this id.");
  }
}

const methodNotAllowed = () => keystoneError(405, "Use PUT.", { Allow: "PUT" });
