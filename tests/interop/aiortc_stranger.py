"""aiortc: WebRTC written in Python. Encodes and decodes for real."""

import asyncio
import json
import os
import sys
from urllib.parse import urljoin

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

ENDPOINT, TOKEN = os.environ["ENDPOINT"], os.environ["TOKEN"]
ENOUGH = {"video": 30, "audio": 50}
PATIENCE = 25


def connection():
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def exchange(pc, http):
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/sdp"}
    async with http.post(ENDPOINT, data=pc.localDescription.sdp, headers=headers) as response:
        text = await response.text()
        if response.status != 201:
            raise RuntimeError(f"{response.status} {text}")
        resource = urljoin(ENDPOINT, response.headers["location"])
    await pc.setRemoteDescription(RTCSessionDescription(sdp=text, type="answer"))
    return resource


async def end(http, resource):
    async with http.delete(resource, headers={"authorization": f"Bearer {TOKEN}"}) as response:
        if response.status != 200:
            raise RuntimeError(f"DELETE: {response.status}")


async def publish(http):
    pc = connection()
    for track in (AudioStreamTrack(), VideoStreamTrack()):
        pc.addTransceiver(track, direction="sendonly")
    resource = await exchange(pc, http)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await end(http, resource)
    await pc.close()


async def watch(http):
    pc, seen, enough = connection(), {"video": 0, "audio": 0}, asyncio.Event()

    async def count(track):
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            seen[track.kind] += 1
            if all(seen[kind] >= wanted for kind, wanted in ENOUGH.items()):
                enough.set()

    tasks = []
    pc.on("track", lambda track: tasks.append(asyncio.ensure_future(count(track))))
    for kind in ("audio", "video"):
        pc.addTransceiver(kind, direction="recvonly")
    resource = await exchange(pc, http)
    try:
        await asyncio.wait_for(enough.wait(), PATIENCE)
    except asyncio.TimeoutError:
        raise RuntimeError(f"too little was decoded: {seen}") from None
    await end(http, resource)
    await pc.close()
    print(json.dumps(seen))


async def main():
    async with aiohttp.ClientSession() as http:
        await (publish if sys.argv[1] == "publish" else watch)(http)


asyncio.run(main())
