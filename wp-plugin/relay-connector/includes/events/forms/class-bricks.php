<?php
/**
 * Bricks.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * The form of the Bricks theme. Its documented hook fires for forms that have the action "Custom", which does nothing
 * else (academy.bricksbuilder.io, bricks/form/custom_action).
 */
final class Bricks extends Added_Form_Plugin {

	const FIELD = 'form-field-';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'bricks';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Bricks';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'BRICKS_VERSION' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'bricks/form/custom_action', array( $this, 'on_submit' ), 20, 1 );
	}

	/**
	 * A form with the action "Custom" was accepted.
	 *
	 * @param object $form With get_fields(), the posted values, and get_settings().
	 */
	public function on_submit( $form = null ) {
		$this->record_entry(
			function () use ( $form ) {
				if ( ! is_object( $form ) || ! is_callable( array( $form, 'get_fields' ) ) || ! is_callable( array( $form, 'get_settings' ) ) ) {
					return null;
				}
				$values   = (array) $form->get_fields();
				$settings = (array) $form->get_settings();
				$post_id  = isset( $values['postId'] ) ? (int) $values['postId'] : 0;
				$entry    = new Form_Entry( isset( $values['formId'] ) ? $values['formId'] : '', $post_id ? get_the_title( $post_id ) : '' );
				foreach ( isset( $settings['fields'] ) ? (array) $settings['fields'] : array() as $field ) {
					$id = isset( $field['id'] ) ? (string) $field['id'] : '';
					if ( array_key_exists( self::FIELD . $id, $values ) ) {
						$type              = isset( $field['type'] ) ? (string) $field['type'] : 'text';
						$read              = new Form_Field( $id, isset( $field['label'] ) ? (string) $field['label'] : '', $type, $values[ self::FIELD . $id ] );
						$read->format      = 'richtext' === $type ? Plain_Text::HTML : Plain_Text::SANITIZED;
						$read->has_address = false;
						if ( 'text' === $type && ! empty( $field['name'] ) ) {
							$read->kind = Field_Types::kind( $type, $field['name'] );
						}
						$entry->fields[] = $read;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		// They are elements in pages.
		return array();
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		return array();
	}
}
