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
  // The menu is replaced when the hospital publishes another: listen where it stands, not on its buttons.
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("[data-key]");
    if (button) {
      openSub(null);
      if (button.dataset.kind.startsWith("scancode")) scan();
      else press("wechat/menu", { key: button.dataset.key });
      if (button.dataset.kind === "view") toast(`打开网页 ${button.dataset.key}`, "info");
      return;
    }
    const part = event.target.closest("[data-sub]");
    if (part && event.target.closest("[aria-expanded]")) openSub(part.querySelector(".wx-sub").hidden ? part : null);
  });

  const openSub = (wanted) => {
    for (const part of bar.querySelectorAll("[data-sub]")) {
      part.querySelector(".wx-sub").hidden = part !== wanted;
      part.querySelector("[aria-expanded]").setAttribute("aria-expanded", String(part === wanted));
    }
  };
  const scanner = document.getElementById("scan-dialog");
  const form = document.getElementById("scan-form");
  const scan = () => scanner.showModal();
  scanner.querySelector("[data-close]").addEventListener("click", () => scanner.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    scanner.close();
    press("wechat/scan", { code: form.code.value }).finally(() => form.reset());
  });

  const more = document.getElementById("wx-more");
  const popover = document.getElementById("wx-more-menu");
  const open = (is) => {
    popover.hidden = !is;
    more.setAttribute("aria-expanded", String(is));
  };
  more.addEventListener("click", () => open(popover.hidden));
  popover.addEventListener("click", (event) => {
    const { act, notices, scan: scans } = event.target.dataset;
    if (act || notices !== undefined || scans !== undefined) open(false);
    if (scans !== undefined) scan();
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
