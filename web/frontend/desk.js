// The staff desk.
import "./ops.js";
