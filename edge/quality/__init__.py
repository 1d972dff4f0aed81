"""Judging of captures: pictures in, verdicts out. Pure; no device, no clock, no file but OpenCV's own cascades."""

import cv2

cv2.setNumThreads(1)  # the other cores belong to the devices, the store and the link
