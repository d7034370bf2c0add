package org.darkroom.app;

import com.getcapacitor.BridgeActivity;

public class MainActivity extends BridgeActivity {}
