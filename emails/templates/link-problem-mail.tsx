import { oneLine } from "../mail-content";
import { ActionButton, Facts, MailLayout, Paragraph, PlainAddress } from "./layout";
import type { MailWording } from "./mail-template";

/** To the administrator who issued the link: the user is stuck, and only an administrator can help. */
export const linkProblemMail: MailWording<"link-problem"> = {
  subject: (props, brand) =>
    `${brand.appName}: ${oneLine(props.userName ?? props.userId)} cannot set a password`,
  body: (props, brand) => (
    <MailLayout
      brand={brand}
      audience="staff"
      heading="A user cannot set a password"
      preview="The link and the PIN were right, but the password could not be set."
    >
      <Paragraph>
        A user opened the link you issued and gave the right PIN, but the password could not be set.
        The user was told to ask you.
      </Paragraph>
      <Facts
        facts={[
          ["User", props.userName],
          ["User ID", props.userId],
        ]}
      />
      <Paragraph>
        <strong>Why:</strong> {oneLine(props.problem, { maxCharacters: 500 })}
      </Paragraph>
      <Paragraph>
        <strong>What to do:</strong> see that the account is enabled in Keystone, then issue a new
        link with a fresh initial password in the console.
      </Paragraph>
      <ActionButton href={props.consoleUrl}>Open the console</ActionButton>
      <PlainAddress href={props.consoleUrl} />
    </MailLayout>
  ),
};
