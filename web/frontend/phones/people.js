/** Choosing whose phones to look at, without leaving the page. */
export function setUpPeople(root, onChoose) {
  const dialog = document.getElementById("people");
  const opener = document.getElementById("choose");
  opener.addEventListener("click", () => dialog.showModal());

  const choose = (person) => {
    root.dataset.person = person.id;
    root.dataset.name = person.name;
    root.querySelector("[data-person-initial]").textContent = person.name.slice(0, 1);
    root.querySelector("[data-person-name]").textContent = person.name;
    root.querySelector("[data-person-note]").textContent = person.note;
    root.querySelector("[data-person-phone]").textContent = person.phone;
    onChoose(person);
  };

  dialog.addEventListener("click", (event) => {
    const row = event.target.closest("[data-person]");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { person: id, name, note, phone } = row.dataset;
    history.pushState(null, "", row.href);
    choose({ id, name, note, phone });
    dialog.close();
    opener.focus();
  });
  addEventListener("popstate", () => location.reload());
}
