import { Fragment } from "react";
import { utcTime } from "../mail-content";
import { ActionButton, Facts, MailLayout, Note, Paragraph, PlainAddress } from "./layout";
import type { MailWording } from "./mail-template";

const counted = (count: number) => (count === 1 ? "One new request" : `${count} new requests`);

/** To the helpdesk. Names and addresses are whatever strangers typed, so the subject has none. */
export const resetDigestMail: MailWording<"reset-digest"> = {
  subject: ({ count }, brand) =>
    `${brand.appName}: ${count === 1 ? "one new request" : `${count} new requests`} for a link`,
  body: ({ requests, count, consoleUrl }, brand) => (
    <MailLayout
      brand={brand}
      audience="staff"
      heading={`${counted(count)} for a link`}
      preview={count === 1 ? "It waits in the console." : "They wait in the console."}
    >
      <Paragraph>
        {count === 1
          ? "This was asked for on the web page, and confirmed from the mailbox given:"
          : "These were asked for on the web page, and confirmed from the mailboxes given:"}
      </Paragraph>
      {requests.map(({ code, name, email, at }) => (
        <Fragment key={`${code} ${at} ${email}`}>
          <Facts
            facts={[
              ["Code", code ?? "none, and not confirmed: asked before setpass confirmed requests"],
              ["Name given", name],
              ["Address", email],
              ["Asked on", utcTime(at)],
            ]}
          />
        </Fragment>
      ))}
      {count > requests.length ? (
        <Paragraph>And {count - requests.length} more, which the console shows.</Paragraph>
      ) : null}
      <ActionButton href={consoleUrl}>Open the requests</ActionButton>
      <PlainAddress href={consoleUrl} />
      <Note>
        Whoever asked has the mailbox, which does not make the account theirs. If in doubt, call the
        owner at a number you know and have them read out the code; do not say it yourself. Send the
        new link to the address Keystone has.
      </Note>
    </MailLayout>
  ),
};
