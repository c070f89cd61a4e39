import { utcTime } from "../mail-content";
import { ActionButton, Facts, MailLayout, Note, Paragraph, PlainAddress } from "./layout";
import type { MailWording } from "./mail-template";

/** To the helpdesk. Name and address are whatever a stranger typed, so the subject has neither. */
export const resetRequestMail: MailWording<"reset-request"> = {
  subject: (_props, brand) => `${brand.appName}: somebody asks for a new link`,
  body: (props, brand) => (
    <MailLayout
      brand={brand}
      audience="staff"
      heading="Somebody asks for a new link"
      preview="The request waits in the console."
    >
      <Paragraph>This was asked for on the web page, and waits in the console:</Paragraph>
      <Facts
        facts={[
          ["Name given", props.name],
          ["Address given", props.email],
          ["Asked on", utcTime(props.at)],
        ]}
      />
      <ActionButton href={props.consoleUrl}>Open the requests</ActionButton>
      <PlainAddress href={props.consoleUrl} />
      <Note>
        Anybody can ask. Make sure that the request is from the owner of the account, and send the
        new link to the address you know, not to the one given here.
      </Note>
    </MailLayout>
  ),
};
