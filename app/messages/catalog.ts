/** Made of en.json by `npm run messages`. */
export type Catalog = {
  "shared": {
    "fixFields": "{count, plural, one {Fix this field} other {Fix these fields}}",
    "questions": "Questions? Contact <link>{contact}</link>.",
    "tooManyAttempts": "Too many attempts. Wait {seconds, plural, one {# second} other {# seconds}}, then try again.",
    "keepComing": "If such emails keep coming, contact <link>{contact}</link>.",
    "notAnEmail": "Enter an email address, such as name@example.org."
  },
  "time": {
    "justNow": "just now",
    "inAMoment": "in a moment"
  },
  "error": {
    "heading": {
      "400": "This request could not be read",
      "403": "Not allowed",
      "404": "Page not found",
      "405": "This page does not support that",
      "413": "That was too large",
      "415": "That was not a form",
      "500": "Something went wrong",
      "503": "Temporarily unavailable"
    },
    "advice": {
      "400": "Part of the URL or the form is invalid. Go back and try again.",
      "403": "Reload the page from its own URL, then send the form again.",
      "404": "Check the URL. If you came to set a password, open the link in your email again, or <reset>request a new link</reset>.",
      "405": "It does not accept requests of this kind. <home>Go to the start page</home>.",
      "413": "A form may hold up to 64 KiB. Go back and send less.",
      "415": "Send it as application/x-www-form-urlencoded.",
      "500": "This is not your fault, and nothing you entered was saved. Try again. If the problem persists, contact your administrator and quote the reference below.",
      "503": "A service that this page depends on is not responding. Wait a moment, then try again."
    },
    "portal": {
      "400": "Part of the URL or the form is invalid. Open the link in your email again.",
      "403": "The form was not sent from its own page, so nothing was changed. Open the link in your email again.",
      "500": "This is not your fault, and nothing you entered was saved. Open the link in your email again. If the problem persists, contact your administrator and quote the reference below.",
      "503": "A service that this page depends on is not responding. Wait a moment, then open the link in your email again. Sending the form twice does no harm."
    },
    "code": {
      "databaseAway": "The database is not responding. Try again in a moment; sending the form twice does no harm.",
      "notUtf8": "The form is not UTF-8 text.",
      "cutShort": "The form did not arrive in full."
    },
    "reference": "Reference for your administrator:"
  },
  "portal": {
    "userName": "User name",
    "domain": "Domain",
    "requestLink": "Request a new link",
    "signIn": "Sign in to {appName}",
    "form": {
      "heading": "Choose your password",
      "titleAgain": "Not set yet: choose your password",
      "intro": "Your account at {appName} is ready. Enter your PIN to show that it is yours, then choose a password that only you know.",
      "notSet": "Your password has not been set yet",
      "pin": "PIN",
      "pinHint": "The {digits, number} digits you chose when you registered or requested this link.",
      "pinFormat": "The PIN has exactly {digits, number} digits.",
      "password": "New password",
      "confirm": "Confirm new password",
      "match": "The same password, entered twice.",
      "show": "Show",
      "hide": "Hide",
      "showPasswords": "Show passwords",
      "hidePasswords": "Hide passwords",
      "met": "(done)",
      "notMet": "(not yet)",
      "submit": "Set password",
      "submitting": "Setting your password…",
      "strengthAdvice": "Several words are hard to guess and easy to remember."
    },
    "strength": {
      "weak": "Easy to guess.",
      "fair": "Could be better.",
      "good": "Good.",
      "strong": "Very good.",
      "more": "Add a few more words or characters.",
      "row": "It is a row of keys.",
      "keys": "It is a pattern on the keyboard.",
      "repeat": "It repeats one character.",
      "repeats": "It repeats a few characters.",
      "sequence": "It is a sequence, such as abc or 123.",
      "year": "It contains a year.",
      "date": "It contains a date.",
      "top": "It is one of the most common passwords.",
      "common": "It is a common password.",
      "similar": "It resembles a common password.",
      "word": "It is a single word.",
      "user": "It contains your user name."
    },
    "rule": {
      "policy": "Your cloud may have rules of its own. You will be told if it rejects the password.",
      "length": "At most {bytes, number} letters, digits and symbols. Accented letters and other scripts count as two or more."
    },
    "problem": {
      "pinEmpty": "Enter the PIN you chose when you registered or requested this link.",
      "empty": "Enter a new password.",
      "confirmEmpty": "Enter the same password again.",
      "differ": "The passwords are not the same. Enter the same one twice.",
      "tooLong": "This password is too long. The limit is {bytes, number} bytes, which is {bytes, number} plain letters and digits, or fewer with accents and other scripts.",
      "controlCharacters": "This password contains a character that cannot be typed, such as a tab or a line break. Remove it.",
      "policy": "This password does not follow the rules: {description}",
      "policyUnknown": "This password does not follow the rules of your cloud."
    },
    "refusal": {
      "malformedPin": "The PIN has exactly {digits, number} digits. This did not count as an attempt.",
      "wrongPin": "Wrong PIN. You have {count, plural, one {# attempt} other {# attempts}} left.",
      "dead": {
        "heading": "This link does not work",
        "message": "It has already been used, or a newer one has replaced it."
      },
      "locked": {
        "heading": "This link is locked",
        "message": "The wrong PIN was entered too many times, so the link no longer works."
      },
      "expired": {
        "heading": "This link has expired",
        "message": "Your PIN was correct, but the link has expired. Your password was not set."
      },
      "inProgress": {
        "heading": "Your password is already being set",
        "message": "This form was sent twice, and the first one is still being processed. Wait a few seconds, then try to sign in. If that fails, send the form again."
      },
      "superseded": {
        "heading": "An administrator has just changed this link",
        "message": "Your password reached the cloud at the same moment, so it may or may not have been set. Try to sign in with it. If that fails, look for a newer email."
      },
      "unavailable": {
        "heading": "The cloud is not responding",
        "message": "Your link still works, and this did not count as an attempt. Wait {seconds, plural, one {# second} other {# seconds}}, then send the form again."
      },
      "tooMany": {
        "heading": "Too many attempts",
        "message": "Too many links from your network did not work. Wait {seconds, plural, one {# second} other {# seconds}}, then open the link in your email again."
      },
      "stale": {
        "heading": "Your account has changed since this link was made",
        "message": "Your password could not be set. Contact your administrator, who can send you a new link."
      },
      "disabled": {
        "heading": "Your account is disabled",
        "message": "Your password could not be set. Contact your administrator. Once the account is enabled, open this link again."
      },
      "accountLocked": {
        "heading": "Your account is temporarily locked",
        "message": "There were too many failed sign-ins, so your password could not be set. The account unlocks by itself after some time; then open this link again. If you cannot wait, contact your administrator."
      },
      "passwordLocked": {
        "heading": "This account's password cannot be changed",
        "message": "Your password could not be set. Contact your administrator."
      },
      "outdated": {
        "heading": "This link must be renewed",
        "message": "It was made before an upgrade, so your password could not be set. Contact your administrator. Your PIN stays the same."
      },
      "readOnly": {
        "heading": "This account's password is stored elsewhere",
        "message": "It cannot be set here. Contact your administrator."
      }
    },
    "set": {
      "heading": "Password set",
      "intro": "Your account at {appName} is now yours. The link no longer works.",
      "signInWith": "Sign in with",
      "userAndPassword": "your user name and your new password.",
      "signInNow": "You can sign in to {appName} right away with your new password."
    },
    "end": {
      "alreadySet": "Have you already set your password?",
      "done": "Then you are done. Sign in to {appName} with your user name and that password.",
      "notYet": "Not yet?",
      "newest": "If you have several emails from us, open the link in the newest one. If that does not work either, request a new link."
    },
    "none": {
      "heading": "Open the link in your email",
      "intro": "New users of {appName} choose their password here. This page opens only from the link you were sent.",
      "reloaded": "Were you just on that page?",
      "reloadedAdvice": "Reloading leads here, because the link is kept out of the address bar. Open it from your email again: it works until you have set your password.",
      "noEmail": "No email, or the link does not work? <reset>Request a new link</reset>."
    }
  },
  "reset": {
    "heading": "Request a new link",
    "intro": "Has your link expired, or have you lost your password at {appName}? Say who you are, and an administrator will send you a new link.",
    "notSent": "Your request has not been sent yet",
    "userName": "User name",
    "userNameHint": "The one you sign in with. If you do not know it, enter your own name.",
    "email": "Email address",
    "confirmEmail": "Confirm email address",
    "pin": "PIN",
    "pinHint": "{digits, number} digits of your choice. You will need them to use the new link.",
    "pinFormat": "Enter a PIN of exactly {digits, number} digits.",
    "send": "Send request",
    "problem": {
      "name": "Enter your user name, or your own name.",
      "email": "Enter your email address.",
      "differ": "The addresses are not the same. Enter the same one twice."
    },
    "tooMany": "There have been many requests from your network. Try again in {minutes, plural, one {# minute} other {# minutes}}, or contact your administrator directly.",
    "sent": {
      "heading": "Now confirm it by email",
      "intro": "Your request counts once you confirm it. We are emailing <strong>{email}</strong> how to do so.",
      "code": "This is the code of your request. Write it down:",
      "next": "What happens next",
      "open": "Open the email within a day, check that it shows the same code, and confirm your request on the page it leads to.",
      "review": "An administrator reviews it. They may call you and ask for the code: read it out to them. Nobody will ever ask for your PIN.",
      "mailed": "You receive an email with a new link, at the address stored with your account.",
      "use": "Open the link, enter the PIN you have just chosen, and set a new password.",
      "noEmail": "<strong>No email?</strong> Check your spam folder. Only a few of these emails are sent to one address in an hour: if you have an earlier one, open its page and enter this code there."
    }
  },
  "confirm": {
    "heading": "Confirm your request",
    "titleAgain": "Not confirmed yet: confirm your request",
    "intro": "Someone requested a new link for choosing a password at {appName} and gave your address. Was it you?",
    "compare": "<strong>Compare the codes first.</strong> The page you sent the request from shows one. If it differs from the code here, this is someone else's request: do not confirm it.",
    "notYou": "You did not request anything? Close this page. What is not confirmed expires by itself, and nobody sees it.",
    "already": {
      "heading": "This request is confirmed",
      "intro": "There is nothing left to do: an administrator will review it."
    },
    "code": "Code of the request",
    "nameGiven": "User name given",
    "addressGiven": "Address given",
    "askedOn": "Requested on",
    "endsOn": "Expires on",
    "submit": "Confirm request <unbroken>{code}</unbroken>",
    "other": {
      "summary": "My page shows another code",
      "label": "Code on your page",
      "hint": "Of a request with the address {email}. Capitals and dashes do not matter.",
      "nothing": "Nothing has been confirmed yet",
      "unknown": "No request with this code is waiting for your address. Check the page you sent it from, or request a link again.",
      "submit": "Confirm that request"
    },
    "done": {
      "heading": "Request confirmed",
      "now": "The administrators of {appName} can see it now.",
      "before": "It was confirmed before. The administrators of {appName} can see it.",
      "keepCode": "This is its code. Keep it until you have your link:"
    },
    "ended": {
      "heading": "This link no longer works",
      "message": "Its request was answered or closed, or was not confirmed in time. If you still need a link to set a password, request a new one."
    },
    "expired": {
      "heading": "This request has expired",
      "message": "It was not confirmed within a day, so nobody will see it. If you still need a link to set a password, request a new one."
    },
    "none": {
      "intro": "Requests for a new link are confirmed here. This page opens only from the email you received after your request.",
      "reloadedAdvice": "Reloading leads here, because the link is kept out of the address bar. Open it from your email again."
    }
  },
  "problem": {
    "inOne": "{why} {whatToDo}",
    "stale": {
      "why": "Keystone does not accept the initial password stored with the link: it was changed, the user was deleted, or the account is temporarily locked after too many failed sign-ins.",
      "whatToDo": "Issue a new link and let setpass generate a random password. If the account is only locked, the same link works again once the lock has ended."
    },
    "disabled": {
      "why": "The account is disabled in Keystone.",
      "whatToDo": "Enable it, then tell the user to open the same link again."
    },
    "accountLocked": {
      "why": "Keystone has locked the account after too many failed sign-ins.",
      "whatToDo": "Nothing, if it can wait: the account unlocks by itself after a while, and the same link then works. If it is urgent, issue a new link and let setpass generate a random password: setting one unlocks the account."
    },
    "passwordLocked": {
      "why": "Keystone forbids this user to change their password (option lock_password).",
      "whatToDo": "Remove the option, then tell the user to open the same link again."
    },
    "outdated": {
      "why": "The link was made by an earlier release, which stored PINs less safely.",
      "whatToDo": "Renew the link or send it again. The PIN stays the same."
    },
    "readOnly": {
      "why": "The user is stored in a directory that Keystone cannot write to, such as LDAP.",
      "whatToDo": "Set the password in that directory. No link of setpass can do it."
    }
  },
  "mail": {
    "automatic": "This email was sent automatically by {appName}.",
    "tellAtOnce": "Contact <link>{contact}</link> immediately.",
    "tellAtOnceUnknown": "Contact whoever gave you the account immediately.",
    "fact": {
      "line": "<title>{name}:</title> <fact>{value}</fact>",
      "userName": "User name",
      "domain": "Domain",
      "user": "User",
      "userId": "User ID",
      "changedOn": "Changed on",
      "setOn": "Set on",
      "code": "Code",
      "nameGiven": "Name given",
      "address": "Address",
      "askedOn": "Requested on"
    },
    "link": {
      "subject": "Your {appName} account: choose your password",
      "heading": "Choose your password",
      "preview": "You need the PIN you chose when you registered or requested this link.",
      "intro": "You have an account at {appName}. To use it, choose a password that only you know.",
      "action": "Choose your password",
      "orCopy": "This is your link, to open or to copy into a browser:",
      "pin": "You will be asked for the <strong>{digits, number}-digit PIN</strong> you chose when you registered or requested this link.",
      "until": "The link works once, and only until <strong>{until}</strong>. After that, request a new one.",
      "signIn": "Once your password is set, sign in at <link>{url}</link>",
      "never": "Nobody will ever ask you for your PIN or your password by email or phone. If you did not expect this email, do not open the link; without the PIN it is useless.",
      "tell": "Please tell <link>{contact}</link>."
    },
    "linkChanged": {
      "subject": "The link to your {appName} account was changed",
      "heading": "Your link was changed",
      "preview": "An administrator changed the link for choosing your password.",
      "intro": "An administrator changed the link for choosing the password of your {appName} account:",
      "pin": "It now requires a different PIN.",
      "recipient": "It was sent to a different address. A link that was sent earlier no longer works.",
      "expected": "If you asked for this, there is nothing to do.",
      "unexpected": "<strong>You did not expect it?</strong> Whoever has both the link and the PIN can take over your account."
    },
    "passwordSet": {
      "subject": "Your {appName} password was set",
      "heading": "Your password was set",
      "preview": "You can now use your account.",
      "intro": "The password of your {appName} account was set with the link and the PIN. The link no longer works.",
      "signIn": "Sign in with your user name and your new password:",
      "action": "Sign in",
      "notYou": "<strong>This was not you?</strong> Then someone else has access to your account."
    },
    "linkProblem": {
      "subject": "{appName}: {user} cannot set a password",
      "heading": "A user cannot set a password",
      "preview": "The link and the PIN were correct, but the password could not be set.",
      "intro": "A user opened their link and entered the correct PIN, but the password could not be set. The page told them what happened.",
      "why": "<strong>Why:</strong> {why}",
      "whatToDo": "<strong>What to do:</strong> {whatToDo}",
      "action": "Open the console"
    },
    "resetConfirm": {
      "subject": "{appName}: confirm your request for a new link",
      "heading": "Did you request a new link?",
      "preview": "Once you confirm your request, an administrator will see it.",
      "intro": "A new link for choosing a password at {appName} was requested with this address. The request counts once you confirm it.",
      "compare": "The page you sent the request from shows the same code. <strong>If it shows another one</strong>, this email is about someone else's request: do not confirm it.",
      "action": "Review the request",
      "orCopy": "This is the page to confirm it on, to open or to copy into a browser:",
      "until": "You can confirm it until <strong>{until}</strong>.",
      "notYou": "You did not request a link? Then ignore this email: the request expires by itself, and nobody sees it."
    },
    "resetDigest": {
      "subject": "{appName}: {count, plural, one {one new request} other {# new requests}} for a link",
      "heading": "{count, plural, one {One new request for a link} other {# new requests for a link}}",
      "preview": "{count, plural, one {It is waiting in the console.} other {They are waiting in the console.}}",
      "intro": "{count, plural, one {This request was made on the web page:} other {These requests were made on the web page:}}",
      "noCode": "none, and not confirmed: requested before setpass confirmed requests",
      "more": "{more, plural, one {And # more, which is in the console.} other {And # more, which are in the console.}}",
      "action": "Open the requests",
      "note": "A confirmed request shows that someone has access to the mailbox, which does not make the account theirs. If in doubt, call the owner at a number you know and have them read out the code; do not say it yourself. Send the new link to the address stored in Keystone."
    }
  }
};
