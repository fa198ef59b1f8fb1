import { toast } from "../toast.js";

/** What only WeChat has: bottom menu and keyboard, following, the quota line. Returns the handler of `status` events. */
export function setUpWeChat(phone, remote) {
  const bar = phone.form;
  const toggle = bar.querySelector("[data-toggle]");
  const setMode = (mode) => {
    bar.dataset.mode = mode;
    toggle.setAttribute("aria-label", mode === "keyboard" ? "切换到菜单" : "切换到键盘");
  };
  toggle.addEventListener("click", () => {
    setMode(bar.dataset.mode === "keyboard" ? "menu" : "keyboard");
    if (bar.dataset.mode === "keyboard") phone.input.focus();
  });
  phone.root.addEventListener("typing", () => setMode("keyboard"));

  const markTyped = () => (bar.dataset.typed = phone.input.value ? "yes" : "");
  phone.input.addEventListener("input", markTyped);
  phone.root.addEventListener("typed", markTyped);
  phone.root.addEventListener("typing", () => (bar.dataset.typed = "yes"));

  const press = (what, body) => remote.press(what, body).catch((error) => toast(error.message, "error"));
  for (const button of bar.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => {
      openSub(null);
      press("wechat/menu", { key: button.dataset.key });
    });
  }

  const parts = [...bar.querySelectorAll("[data-sub]")];
  const openSub = (wanted) => {
    for (const part of parts) {
      part.querySelector(".wx-sub").hidden = part !== wanted;
      part.querySelector("[aria-expanded]").setAttribute("aria-expanded", String(part === wanted));
    }
  };
  for (const part of parts) {
    part.querySelector("[aria-expanded]").addEventListener("click", () => {
      openSub(part.querySelector(".wx-sub").hidden ? part : null);
    });
  }

  const more = document.getElementById("wx-more");
  const popover = document.getElementById("wx-more-menu");
  const open = (is) => {
    popover.hidden = !is;
    more.setAttribute("aria-expanded", String(is));
  };
  more.addEventListener("click", () => open(popover.hidden));
  popover.addEventListener("click", (event) => {
    const { act, notices } = event.target.dataset;
    if (act || notices !== undefined) open(false);
    if (!act) return;
    more.focus();
    press(`wechat/${act}`);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".wx-more")) open(false);
    if (!event.target.closest("[data-sub]")) openSub(null);
  });
  phone.root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const part = event.target.closest("[data-sub]");
    openSub(null);
    part?.querySelector("[aria-expanded]").focus();
    if (!popover.hidden) {
      open(false);
      more.focus();
    }
  });

  const quota = document.getElementById("quota");
  return ({ subscribed, left, expires }) => {
    quota.textContent = subscribed ? `客服消息额度 剩${left}条` : "未关注";
    quota.title = left ? `有效到 ${new Date(expires * 1000).toLocaleString("zh-CN", { timeZone: "Asia/Shanghai" })}` : "";
    quota.classList.toggle("badge-success", subscribed && left > 0);
    quota.classList.toggle("badge-warning", !(subscribed && left > 0));
    popover.querySelector("[data-act=follow]").hidden = subscribed;
    popover.querySelector("[data-act=unfollow]").hidden = !subscribed;
  };
}
