import { Notice } from "../components/notice";
import { isSameMailbox } from "../links/same-mailbox";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";

/** Which request is answered here, and what is known of who asks. */
export function RequestNotice(props: { request: ResetRequestSummary; knownEmail: string | null }) {
  const { request, knownEmail } = props;
  const isKnown = isSameMailbox(knownEmail, request.email);
  const mailbox = <span className="wrap-anywhere">{request.email}</span>;
  const code = request.code ? ` ${request.code}` : "";
  return (
    <Notice tone="wait" heading={`This answers the request${code} of ${request.name}`}>
      {!request.confirmedAt ? (
        <>
          They gave the address {mailbox}, which nobody has checked: mail the link to Keystone's
          address unless you know better.
        </>
      ) : isKnown ? (
        <>It was confirmed from {mailbox}, the address Keystone has.</>
      ) : (
        <>
          It was confirmed from {mailbox}, which is not the address Keystone has: the account may be
          somebody else's. Mail the link to Keystone's address unless you know better.
        </>
      )}{" "}
      {request.openOfMailbox > 1
        ? `${request.openOfMailbox} requests of this mailbox are open: have its owner read the code out to you. `
        : null}
      The request is closed when the link is issued.
    </Notice>
  );
}
