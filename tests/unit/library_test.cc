// SPDX-License-Identifier: MIT
// libwabe from C++ and from several threads, under the thread sanitizer: each
// has its own connection and descriptions; a creator that knows two answers
// serves them all.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <wabe.h>
extern "C" {
#include "creator_proto.h"
}

namespace
{

constexpr int THREADS = 8, ROUNDS = 200;
std::string at; // the creator's socket

void serve(int fd)
{
	std::vector<char> packet(CREATOR_PACKET_MAX);

	for (;;) {
		long n = packet_receive(fd, packet.data(), packet.size(),
					nullptr, nullptr, 0);
		creator_request request;
		creator_reply reply = {};

		if (n < static_cast<long>(sizeof(request))) {
			close(fd);
			return;
		}
		memcpy(&request, packet.data(), sizeof(request));
		reply.version = CREATOR_VERSION;
		snprintf(reply.info.name, sizeof(reply.info.name), "%s",
			 request.name);
		reply.info.domid = 7;
		if (request.verb != CREATOR_INFO) {
			reply.status = -1;
			snprintf(reply.error.text, sizeof(reply.error.text),
				 "%s: no", request.name);
		}
		packet_send(fd, &reply, sizeof(reply), nullptr, 0, nullptr, 0);
	}
}

void creator(int listener)
{
	std::vector<std::thread> clients;

	for (int i = 0; i < THREADS; i++) {
		clients.emplace_back(serve, accept(listener, nullptr, nullptr));
	}
	for (auto &c : clients) {
		c.join();
	}
}

bool describe(int number)
{
	std::string text = "/dts-v1/; / { wabe-domain { name = \"d" +
			   std::to_string(number) +
			   "\"; kernel { path = \"k\"; }; }; };";
	wabe_spec *spec = nullptr, *again = nullptr;
	wabe_error err;
	void *blob = nullptr;
	size_t bytes = 0;
	bool good = !wabe_spec_parse_text(&spec, text.c_str(), "text", &err) &&
		    !wabe_spec_blob(spec, &blob, &bytes, &err) &&
		    !wabe_spec_parse(&again, blob, bytes, "blob", &err) &&
		    again->name == "d" + std::to_string(number) &&
		    wabe_spec_parse_text(&spec, "nonsense", "text", &err) < 0;

	free(blob);
	wabe_spec_free(spec);
	wabe_spec_free(again);
	return good;
}

bool ask(wabe *w, int number)
{
	std::string name = "d" + std::to_string(number);
	struct wabe_info info;
	wabe_error err;

	return !wabe_info(w, name.c_str(), &info, &err) && name == info.name &&
	       wabe_pause(w, name.c_str(), &err) < 0 &&
	       name + ": no" == err.text;
}

void work(int number, bool *good)
{
	wabe *w = nullptr;
	wabe_error err;

	*good = !wabe_open(&w, at.c_str(), &err);
	for (int i = 0; i < ROUNDS && *good; i++) {
		*good = ask(w, number * ROUNDS + i) && describe(i);
	}
	wabe_close(w);
}

bool many_threads()
{
	bool good[THREADS] = {};
	std::vector<std::thread> threads;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	sockaddr_un to = {};

	at = "/tmp/wabe-library-" + std::to_string(getpid());
	to.sun_family = AF_UNIX;
	strcpy(to.sun_path, at.c_str());
	if (bind(listener, reinterpret_cast<sockaddr *>(&to), sizeof(to)) ||
	    listen(listener, THREADS)) {
		return false;
	}
	std::thread server(creator, listener);
	for (int i = 0; i < THREADS; i++) {
		threads.emplace_back(work, i, &good[i]);
	}
	for (auto &t : threads) {
		t.join();
	}
	server.join();
	close(listener);
	unlink(at.c_str());
	for (bool g : good) {
		if (!g) {
			return false;
		}
	}
	return true;
}

} // namespace

int main()
{
	bool good = many_threads();

	printf("%s 1 - libwabe from C++ and from %d threads\n",
	       good ? "ok" : "not ok", THREADS);
	return !good;
}
