// The staff desk: what changed is heard as events on the body (`desk:alerts`, `desk:conversations`, `desk:tasks`).
import "./ops.js";
import "./patients.js";
import { setUpAlerts } from "./desk/alerts.js";
import { listen } from "./desk/live.js";

listen();
setUpAlerts();
