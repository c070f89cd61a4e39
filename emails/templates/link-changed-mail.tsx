import type { ChangeToTell } from "../../db/link-row";
import { utcTime } from "../mail-content";
import { Contact, Facts, MailLayout, Paragraph } from "./layout";
import type { MailWording } from "./mail-template";

const sentences: Record<ChangeToTell, string> = {
  "pin-replaced": "It now asks for another PIN than before.",
  "recipient-changed":
    "It was mailed to another address than before. A link that was mailed earlier no longer works.",
};

/** Tells the owner of the account, at the addresses that are known for theirs. It holds no link. */
export const linkChangedMail: MailWording<"link-changed"> = {
  subject: (_props, brand) => `The link to your ${brand.appName} account was changed`,
  body: (props, brand) => (
    <MailLayout
      brand={brand}
      audience="user"
      heading="Your link was changed"
      preview="An administrator changed the link with which you choose your password."
    >
      <Paragraph>
        An administrator changed the link with which you choose the password of your {brand.appName}{" "}
        account:
      </Paragraph>
      {props.changes.map((change) => (
        <Paragraph key={change}>{sentences[change]}</Paragraph>
      ))}
      <Facts
        facts={[
          ["User name", props.userName],
          ["Domain", props.domainName],
          ["Changed on", utcTime(props.at)],
        ]}
      />
      <Paragraph>If you asked for this, there is nothing to do.</Paragraph>
      <Paragraph>
        <strong>You did not expect it?</strong> Whoever has the link and the PIN gets your account.{" "}
        {brand.supportContact ? (
          <>
            Ask <Contact contact={brand.supportContact} /> at once.
          </>
        ) : (
          <>Ask those who gave you the account at once.</>
        )}
      </Paragraph>
    </MailLayout>
  ),
};
