const ZONE = "Asia/Shanghai";
const day = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, dateStyle: "short" });
const time = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", hour12: false });
const date = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, month: "long", day: "numeric" });
const weekday = new Intl.DateTimeFormat("zh-CN", { timeZone: ZONE, weekday: "long" });

/** How chat apps write a moment: today only the hour, this week with the weekday, else with the date. */
export function stampOf(moment, now = new Date()) {
  const days = (Date.parse(day.format(now)) - Date.parse(day.format(moment))) / 86400000;
  const clock = time.format(moment);
  if (days === 0) return clock;
  if (days === 1) return `昨天 ${clock}`;
  if (days > 1 && days < 7) return `${weekday.format(moment)} ${clock}`;
  return `${date.format(moment)} ${weekday.format(moment)} ${clock}`;
}
