/*
 * A stand-in for an exposed notebook server: whoever posts text to it has it run by `bash -l`, as in the terminal of a JupyterLab
 * without a password. One process a connection; GET answers a greeting. Only for containers of the test cluster.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX (64 * 1024)

static void answer(int client, const char *text) {
  char head[128];
  int length = snprintf(head, sizeof head, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
  if (write(client, head, (size_t)length) < 0) _exit(1);
}

static void terminal(int client, const char *body, size_t length) {
  int in[2], out[2];
  char buffer[4096];
  ssize_t got;
  if (pipe(in) < 0 || pipe(out) < 0) _exit(1);
  if (fork() == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(out[1], 2);
    close(in[0]); close(in[1]); close(out[0]); close(out[1]); close(client);
    execl("/bin/bash", "bash", "-l", (char *)0);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  if (write(in[1], body, length) < 0) _exit(1);
  close(in[1]);
  if (write(client, "HTTP/1.0 200 OK\r\n\r\n", 19) < 0) _exit(1);
  while ((got = read(out[0], buffer, sizeof buffer)) > 0)
    if (write(client, buffer, (size_t)got) < 0) break;
}

static void serve(int client) {
  static char request[MAX + 1];
  size_t have = 0, wanted = 0;
  char *body = NULL;
  while (have < MAX) {
    ssize_t got = read(client, request + have, MAX - have);
    if (got <= 0) break;
    have += (size_t)got;
    request[have] = 0;
    if (body == NULL && (body = strstr(request, "\r\n\r\n")) != NULL) {
      char *length = strcasestr(request, "content-length:");
      body += 4;
      wanted = length == NULL ? 0 : strtoul(length + 15, NULL, 10);
    }
    if (body != NULL && have - (size_t)(body - request) >= wanted) break;
  }
  if (body != NULL && strncmp(request, "POST ", 5) == 0) terminal(client, body, have - (size_t)(body - request));
  else answer(client, "JupyterLab\n");
}

int main(void) {
  int on = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8888), .sin_addr = {htonl(INADDR_ANY)}};
  signal(SIGCHLD, SIG_IGN);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 16) < 0) {
    perror("jupyter-lab");
    return 1;
  }
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0) continue;
    if (fork() == 0) {
      close(server);
      signal(SIGCHLD, SIG_DFL);
      serve(client);
      _exit(0);
    }
    close(client);
  }
}
