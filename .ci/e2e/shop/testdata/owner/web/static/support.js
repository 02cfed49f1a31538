const socket = new WebSocket("/support/chat");
const chat = document.querySelector("#chat");
socket.addEventListener("open", () => { chat.lastElementChild.disabled = false; });
socket.addEventListener("message", ({ data }) => {
  const answer = document.createElement("p");
  answer.textContent = data;
  document.querySelector("#answers").append(answer);
});
chat.addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(chat.elements.question.value);
  chat.reset();
});
