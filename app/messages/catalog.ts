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
  }
};
