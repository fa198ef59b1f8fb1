import { toast } from "../toast.js";

const failed = (error) => toast(error.message, "error");

/** Pictures and voices, from the button beside the text. */
export function setUpMedia(remote) {
  const button = document.getElementById("wx-plus");
  const menu = document.getElementById("wx-plus-menu");
  const file = document.getElementById("wx-file");
  const open = (is) => {
    menu.hidden = !is;
    button.setAttribute("aria-expanded", String(is));
  };
  button.addEventListener("click", () => open(menu.hidden));
  document.addEventListener("click", (event) => event.target.closest(".wx-plus") || open(false));
  menu.closest(".wx-plus").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    open(false);
    button.focus();
  });
  menu.addEventListener("click", (event) => {
    const { media, pick } = event.target.dataset;
    if (media === undefined && pick === undefined) return;
    open(false);
    button.focus();
    if (pick !== undefined) file.click();
    else remote.press(`wechat/${media}`, null).catch(failed);
  });
  file.addEventListener("change", () => {
    if (file.files[0]) remote.press("wechat/image", file.files[0]).catch(failed);
    file.value = "";
  });
}

/** The pop-up that asks for consent to notices. Returns what shows a status. */
export function setUpNotices(remote, opener) {
  const dialog = document.getElementById("notices-dialog");
  if (!dialog) return () => {};
  opener.addEventListener("click", () => dialog.showModal());
  for (const row of dialog.querySelectorAll("[data-notice]")) {
    row.addEventListener("click", (event) => {
      const answer = event.target.dataset.answer;
      if (!answer) return;
      remote
        .press("wechat/notice", { template: row.dataset.notice, answer })
        .then(() => {
          toast({ yes: "已同意", no: "已拒绝", off: "已关闭" }[answer], "success");
          return remote.refresh();
        })
        .catch(failed);
    });
  }
  return ({ notices = {} }) => {
    for (const row of dialog.querySelectorAll("[data-notice]")) {
      const count = notices[row.dataset.notice] ?? 0;
      row.querySelector("[data-granted]").textContent = count < 0 ? "已同意" : count ? `还能收${count}条` : "没有同意";
      row.querySelector("[data-answer=off]").hidden = !count;
    }
  };
}

/** The demo's clock: shown, and put forward after a question. `after` is called when it has moved. */
export function setUpClock(remote, now, after) {
  const shown = document.getElementById("sim-clock");
  if (!shown) return;
  const format = new Intl.DateTimeFormat("zh-CN", {
    timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false,
  });
  const tick = () => (shown.textContent = format.format(new Date(now())));
  setInterval(tick, 1000);
  const dialog = document.getElementById("clock-dialog");
  let step = "";
  for (const button of document.querySelectorAll("[data-clock]")) {
    button.addEventListener("click", () => {
      step = button.dataset.clock;
      dialog.querySelector("[data-clock-step]").textContent = step === "day" ? "1天" : "1小时";
      dialog.returnValue = "";
      dialog.showModal();
    });
  }
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return;
    remote
      .post(`/phones/clock/${step}`, {})
      .then(after)
      .then(tick)
      .catch(failed);
  });
}
