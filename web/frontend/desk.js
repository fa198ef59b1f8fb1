// The staff desk: what changed is heard as events on the body (`desk:alerts`, `desk:conversations`, `desk:tasks`).
import "./ops.js";
import "./patients.js";
import { setUpAlerts } from "./desk/alerts.js";
import { setUpCanned } from "./desk/canned.js";
import { setUpCounts } from "./desk/counts.js";
import { setUpKeys } from "./desk/keys.js";
import { listen } from "./desk/live.js";
import { setUpPhone } from "./desk/phone.js";
import { setUpTalk } from "./desk/talk.js";
import { setUpTyping } from "./desk/typing.js";

setUpCounts();
setUpKeys();
setUpCanned();
setUpTalk();
setUpTyping();
listen();
setUpAlerts();
setUpPhone();
